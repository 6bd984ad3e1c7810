/** What a person's browser does with a consent's page, over HTTP. */
interface Gone {
  /** Where the vendor asks the person. */
  readonly url: string;
  readonly cookie: string;
}

/** Presses "Continue". */
export async function goOn(consentUrl: string): Promise<Gone> {
  const { headers } = await fetch(consentUrl, { method: 'POST', redirect: 'manual' });
  return { url: headers.get('location')!, cookie: headers.get('set-cookie')!.split(';')[0]! };
}

/** The whole way: there, the decision, and back. @returns the page at the end */
export async function decideAt(consentUrl: string, decision: 'approve' | 'deny'): Promise<string> {
  const { url, cookie } = await goOn(consentUrl);
  const body = new URLSearchParams({ decision });
  const { headers } = await fetch(url, { method: 'POST', body, redirect: 'manual' });
  return (await fetch(headers.get('location')!, { headers: { cookie } })).text();
}

/** The whole way where the vendor shows a code. @returns the page at the end */
export async function typeCodeAt(consentUrl: string, change = (code: string) => code): Promise<string> {
  const { url, cookie } = await goOn(consentUrl);
  const page = await fetch(url, { method: 'POST', body: new URLSearchParams({ decision: 'approve' }) });
  const [, code = ''] = /<code>([^<]+)<\/code>/.exec(await page.text())!;
  const body = new URLSearchParams({ code: change(code) });
  return (await fetch(consentUrl, { method: 'POST', body, headers: { cookie } })).text();
}
