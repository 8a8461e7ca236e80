// The filters: their values are in the address, so that a list can be kept and sent.
import { Button, SegmentedControl, Select } from "@mantine/core";
import type { RefObject } from "react";
import type { RunFilters } from "../../api/queries.ts";
import type { Verdict } from "../../api/types.ts";
import { formatCount } from "../../format/rate.ts";
import css from "./Filters.module.css";

type Props = {
  filters: RunFilters;
  agents: string[];
  leaves: string[];
  shown: number;
  hasMore: boolean;
  /** How many there are is not known (yet). */
  isUnknown: boolean;
  /** A search knows agents only. */
  isSearch: boolean;
  onChange: (next: Partial<RunFilters>) => void;
  firstFilter: RefObject<HTMLInputElement | null>;
};

const ALL = "all";
const outcomes = [
  { value: ALL, label: "All" },
  { value: "succeeded", label: "Succeeded" },
  { value: "failed", label: "Failed" },
  { value: "unknown", label: "Unknown" },
];

const quietly = { withScrollArea: false, comboboxProps: { transitionProps: { duration: 0 } } } as const;

export function Filters({
  filters,
  agents,
  leaves,
  shown,
  hasMore,
  isUnknown,
  isSearch,
  onChange,
  firstFilter,
}: Props) {
  return (
    <div role="search" className={css.filters} aria-label="Filter runs">
      <Select
        ref={firstFilter}
        size="xs"
        className={css.select}
        aria-label="Agent"
        placeholder="Any agent"
        data={agents}
        value={filters.agent ?? null}
        onChange={(agent) => onChange({ agent: agent ?? undefined })}
        searchable
        clearable
        clearButtonProps={{ "aria-label": "Any agent" }}
        nothingFoundMessage="No such agent"
        {...quietly}
      />
      {!isSearch && (
        <>
          <SegmentedControl
            size="xs"
            aria-label="Outcome"
            classNames={{ label: css.segment }}
            data={outcomes}
            value={filters.verdict ?? ALL}
            onChange={(value) => onChange({ verdict: value === ALL ? undefined : (value as Verdict) })}
            transitionDuration={0}
          />
          <Select
            size="xs"
            className={css.select}
            aria-label="Finding"
            placeholder="Any finding"
            data={leaves}
            value={filters.leaf ?? null}
            onChange={(leaf) => onChange({ leaf: leaf ?? undefined })}
            searchable
            clearable
            clearButtonProps={{ "aria-label": "Any finding" }}
            nothingFoundMessage="No such finding in these runs"
            {...quietly}
          />
        </>
      )}
      {!isSearch && filters.task && (
        <Button
          size="compact-xs"
          variant="light"
          onClick={() => onChange({ task: undefined })}
          aria-label={`Task ${filters.task}: remove this filter`}
        >
          task {filters.task} ✕
        </Button>
      )}
      {!isSearch && (
        <>
          <span className={css.count} aria-live="polite">
            {isUnknown ? "" : `${formatCount(shown)}${hasMore ? "+" : ""} ${shown === 1 && !hasMore ? "run" : "runs"}`}
          </span>
          <span className={css.keys} aria-hidden="true">
            <kbd>j</kbd> <kbd>k</kbd> move · <kbd>Enter</kbd> open · <kbd>/</kbd> filter
          </span>
        </>
      )}
    </div>
  );
}
