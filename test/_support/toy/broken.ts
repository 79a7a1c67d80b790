/** A fixture module of a toy that breaks one claim. */
import { toyFixture } from './fixture.ts';

export default () => toyFixture('demotes-anyway');
