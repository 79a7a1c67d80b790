/** A plugin whose module does not load. */
throw new Error('the vendor library is missing');
