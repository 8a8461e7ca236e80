// Asks what was said in runs. The words are in the address, so that a search can be kept and sent.
import { TextInput } from "@mantine/core";
import css from "./SearchBox.module.css";

type Props = { text: string; onSearch: (text: string | undefined) => void };

export function SearchBox({ text, onSearch }: Props) {
  return (
    <form
      className={css.box}
      role="search"
      aria-label="Search what was said"
      onSubmit={(event) => {
        event.preventDefault();
        const words = new FormData(event.currentTarget).get("q");
        onSearch(typeof words === "string" && words.trim() !== "" ? words.trim() : undefined);
      }}
    >
      <TextInput
        // What the address says is shown anew when somebody goes back.
        key={text}
        name="q"
        type="search"
        size="xs"
        className={css.input}
        aria-label="Words that were said"
        placeholder="Search what was said, then Enter"
        defaultValue={text}
        maxLength={500}
      />
      {text !== "" && (
        <button type="button" className={css.clear} onClick={() => onSearch(undefined)}>
          Show the list again
        </button>
      )}
    </form>
  );
}
