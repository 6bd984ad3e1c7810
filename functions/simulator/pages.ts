import { escaped, htmlPage } from '../html.ts';
import type { Answer } from './http.ts';

/** A page of a simulated vendor. `body` is HTML whose variable parts are escaped already. */
export function page(status: number, vendor: string, heading: string, body: string): Answer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // No form-action: browsers apply it to the redirect that follows the form, too.
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    },
    body: htmlPage({
      title: `${heading} – simulated ${vendor}`,
      style: STYLE,
      body: `<p class="simulation">Simulation of ${escaped(vendor)}. No real account is involved.</p>
<main>
<h1>${escaped(heading)}</h1>
${body}
</main>`,
    }),
  };
}

export function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

/** A form that posts to the page's own address, with the buttons Approve and Deny (`decision`). */
export function decisionForm(fields: string): string {
  return `<form method="post">
${fields}
<div class="buttons">
<button name="decision" value="approve" class="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</div>
</form>`;
}

export function textField(name: string, label: string, value: string): string {
  return `<label>${escaped(label)}<input name="${escaped(name)}" value="${escaped(value)}" autocomplete="off" required></label>`;
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#c8ccd4, #454b57); --accent: light-dark(#0b57d0, #8ab4f8); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 32rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
.simulation { border: 1px dashed var(--line); border-radius: .5rem; padding: .5rem .75rem; font-size: .875rem; }
h1 { font-size: 1.375rem; line-height: 1.3; }
dt { font-size: .875rem; opacity: .75; }
dd { margin: 0 0 .75rem; }
label { display: block; margin: 1rem 0; }
input { display: block; width: 100%; padding: .625rem; font: inherit; border: 1px solid var(--line); border-radius: .5rem; }
.buttons { display: flex; gap: .75rem; }
button { flex: 1; padding: .75rem; font: inherit; border: 1px solid var(--accent); border-radius: .5rem; background: none; color: var(--accent); cursor: pointer; }
.approve { background: var(--accent); color: light-dark(#fff, #10131a); }
code { display: block; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; font-size: 1.125rem; user-select: all; }
`;
