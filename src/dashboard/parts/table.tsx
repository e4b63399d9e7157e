import type { ComponentChildren } from "preact";

/** One column: what is above it, and what each row has there. */
export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** A column of buttons: its name is for those who hear the page. */
  readonly acts?: true;
  readonly quiet?: true;
}

/** Rows of equal things. The first column names each; on a narrow screen a row is a card that names its cells. */
export function Table<Row>({ rows, columns, keyOf }: TableProps<Row>) {
  const [first, ...others] = columns;
  return (
    <table>
      <thead>
        <tr>
          {columns.map(({ name, acts }) => (
            <th key={name} scope="col">
              {acts ? <span class="unseen">{name}</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            <th scope="row">{first.cell(row)}</th>
            {others.map(({ name, cell, acts, quiet }) =>
              acts ? (
                <td key={name} class="act">
                  {cell(row)}
                </td>
              ) : (
                <td key={name} data-label={name} class={quiet && "quiet"}>
                  {cell(row)}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface TableProps<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly [Column<Row>, ...Column<Row>[]];
  readonly keyOf: (row: Row) => string | number;
}
