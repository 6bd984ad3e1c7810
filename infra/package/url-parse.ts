/** `URL.parse` for Node.js 20, where the command line and the construct run too. */
URL.parse ??= (text: string | URL, base?: string | URL) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};
