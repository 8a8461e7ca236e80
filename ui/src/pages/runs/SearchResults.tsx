// Places where something was said: the run, the span, and a piece of its text with what matches.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { searchQuery } from "../../api/queries.ts";
import type { SearchHit } from "../../api/types.ts";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { formatTime } from "../../format/time.ts";
import { shortId } from "../../format/words.ts";
import css from "./SearchResults.module.css";

export function SearchResults({ text, agent }: { text: string; agent: string | undefined }) {
  const found = useInfiniteQuery(searchQuery(text, agent));
  if (found.error) return <Failure what="what was found" error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading what="what was found" lines={8} />;
  const hits = found.data.pages.flatMap((page) => page.hits);
  if (hits.length === 0) {
    return (
      <Empty title="No span contains all of these words">
        <p>Runs are found a moment after they ended, by whole words{agent ? `, here only of “${agent}”` : ""}.</p>
      </Empty>
    );
  }
  return (
    <div className={css.results}>
      <ol className={css.list} aria-label="What was found">
        {hits.map((hit) => (
          <Hit key={`${hit.trace_id} ${hit.span_id}`} hit={hit} />
        ))}
      </ol>
      {found.hasNextPage && (
        <Button
          size="xs"
          variant="default"
          loading={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </div>
  );
}

function Hit({ hit }: { hit: SearchHit }) {
  return (
    <li className={css.hit}>
      <p className={css.where}>
        <Link to="/runs/$id" params={{ id: hit.trace_id }} search={{ span: hit.span_id }}>
          {hit.agent}, run {shortId(hit.trace_id)}
        </Link>
        <span>{formatTime(hit.at)}</span>
        <span>{hit.field}</span>
      </p>
      <p className={css.said}>
        {hit.pieces.map((piece, place) =>
          // Pieces never change places.
          piece.is_match ? <mark key={place}>{piece.text}</mark> : <span key={place}>{piece.text}</span>,
        )}
      </p>
    </li>
  );
}
