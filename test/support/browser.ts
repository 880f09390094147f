import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from 'playwright-core';

/** Where Debian's package puts it. */
const program = '/usr/bin/chromium';

/** Why tests with a browser are skipped; `false` where there is one. */
export const cannotBrowse = existsSync(program) ? false : 'chromium is not installed';

/** A headless browser with a profile of its own. */
export async function startBrowser(): Promise<Browser> {
  // Its sandbox needs a user other than root, or a kernel that lets everybody make namespaces.
  return await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu'] });
}

/** A tab, and all that it complained of and asked for. */
export class Tab implements AsyncDisposable {
  readonly page: Page;
  readonly devTools: CDPSession;
  /** Errors and warnings of its console, violations of the content-security-policy among them. */
  readonly complaints: string[] = [];
  readonly requests: string[] = [];
  readonly #context: BrowserContext;

  static async open(browser: Browser, url: string, width = 1280, height = 800): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width, height } });
    const page = await context.newPage();
    const tab = new Tab(page, context, await context.newCDPSession(page));
    await page.goto(url);
    return tab;
  }

  private constructor(page: Page, context: BrowserContext, devTools: CDPSession) {
    this.page = page;
    this.devTools = devTools;
    this.#context = context;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => this.requests.push(request.url()));
  }

  async text(selector: string): Promise<string> {
    return (await this.page.locator(selector).first().textContent()) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}

export type { Browser };
