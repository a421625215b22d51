/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

type Content = Markup | string | number | false | undefined | readonly Content[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Names come from model files: what would be markup, or control a reader's terminal, is shown. */
function escape(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? '')
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
  );
}

function render(content: Content): string {
  if (content === undefined || content === false) return '';
  if (content instanceof Markup) return content.text;
  if (Array.isArray(content)) return (content as readonly Content[]).map(render).join('');
  return escape(String(content));
}

/** A template whose values are escaped, unless they are markup themselves. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  const text = strings.map((part, index) => part + render(values[index]));
  return new Markup(text.join(''));
}

/** An ISO date and time, to the minute. */
export const moment = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;

/** A coordinate in an attribute. */
export const at = (value: number): string => String(Number(value.toFixed(2)));
