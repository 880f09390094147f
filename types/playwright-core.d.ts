// What the tests use of playwright-core. Its own types need those of the DOM, which would let the whole of this program
// speak of `document` and `window`.

export interface Request {
  url(): string;
}
export interface ConsoleMessage {
  type(): string;
  text(): string;
}
export interface Waiting {
  readonly state?: 'attached' | 'detached' | 'visible' | 'hidden';
  readonly timeout?: number;
}
export interface Locator {
  click(): Promise<void>;
  count(): Promise<number>;
  fill(text: string): Promise<void>;
  first(): Locator;
  focus(): Promise<void>;
  hover(): Promise<void>;
  isVisible(): Promise<boolean>;
  textContent(): Promise<string | null>;
  getAttribute(name: string): Promise<string | null>;
  waitFor(waiting?: Waiting): Promise<void>;
}
export interface CDPSession {
  send(method: string, parameters?: object): Promise<unknown>;
  on(event: string, then: (parameters: never) => void): void;
}
export interface Page {
  on(event: 'request', then: (request: Request) => void): void;
  on(event: 'console', then: (message: ConsoleMessage) => void): void;
  on(event: 'pageerror', then: (error: Error) => void): void;
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  title(): Promise<string>;
  locator(selector: string): Locator;
  /** An expression, as text: a function would be compiled as one of ours. */
  evaluate(expression: string): Promise<unknown>;
  setViewportSize(size: { readonly width: number; readonly height: number }): Promise<void>;
  emulateMedia(media: {
    readonly colorScheme?: 'light' | 'dark';
    readonly reducedMotion?: 'reduce';
  }): Promise<void>;
  screenshot(options: { readonly path: string; readonly fullPage?: boolean }): Promise<unknown>;
  readonly keyboard: { press(key: string): Promise<void> };
}
export interface BrowserContext {
  newPage(): Promise<Page>;
  newCDPSession(page: Page): Promise<CDPSession>;
  close(): Promise<void>;
}
export interface Browser {
  newContext(options?: {
    readonly viewport?: { readonly width: number; readonly height: number };
  }): Promise<BrowserContext>;
  close(): Promise<void>;
}
export const chromium: {
  launch(options: { readonly executablePath: string; readonly args?: readonly string[] }): Promise<Browser>;
};
