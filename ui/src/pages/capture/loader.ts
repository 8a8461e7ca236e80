// What the capture page knows: the ledger, asked anew every few seconds while somebody looks.
import { useQuery } from "@tanstack/react-query";
import { captureQuery } from "../../api/queries.ts";
import type { CaptureLedger } from "../../api/types.ts";

const REFRESH_MS = 5_000;

export type CaptureState =
  | { state: "loading" }
  | { state: "failed"; error: unknown; retry: () => void }
  | { state: "ready"; ledger: CaptureLedger };

export function useCapture(): CaptureState {
  const query = useQuery({ ...captureQuery(), refetchInterval: REFRESH_MS });
  if (query.data) return { state: "ready", ledger: query.data };
  if (query.error) return { state: "failed", error: query.error, retry: () => void query.refetch() };
  return { state: "loading" };
}
