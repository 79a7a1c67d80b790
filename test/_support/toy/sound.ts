/** A fixture module as a vendor would write it, of the toy without defects. */
import { toyFixture } from './fixture.ts';

export default () => toyFixture();
