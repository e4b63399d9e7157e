/** A sentence of the controller's: what it has between backticks is what someone types. */
export function Words({ text }: { readonly text: string }) {
  return <>{text.split("`").map((part, n) => (n % 2 === 1 ? <code key={n}>{part}</code> : part))}</>;
}
