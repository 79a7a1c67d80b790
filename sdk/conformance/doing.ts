/** What the suite is about to do, for a watcher outside: once it is held, it can tell nobody. */

/** What has changed since the last time. */
export interface Progress {
  /** Title of the claim. */
  readonly claim?: string;
  /** The verb or other function of the plugin that is called. */
  readonly call?: string;
  /** How long the suite may say nothing. */
  readonly silentMsMax?: number;
}

let tell: (news: Progress) => void = () => {};

export const doing = (news: Progress): void => tell(news);

/** From now on `listener` is told. One per process. */
export const watchDoing = (listener: (news: Progress) => void): void => {
  tell = listener;
};
