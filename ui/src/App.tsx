// What surrounds every page: the component library, the cache, the live stream, the router.
import { createTheme, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ApiProblem } from "./api/client.ts";
import { connectLive } from "./api/live.ts";
import { createAppRouter } from "./router.tsx";

const theme = createTheme({
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--font-mono)",
  cursorType: "pointer",
  respectReducedMotion: true,
});

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The event stream says when something changed, so nothing grows stale by itself.
        staleTime: Number.POSITIVE_INFINITY,
        refetchOnWindowFocus: false,
        // An answer is an answer; only silence is asked again.
        retry: (count, error) => count < 2 && error instanceof ApiProblem && error.status === 0,
        retryDelay: 500,
      },
    },
  });
}

type Props = { client?: QueryClient; router?: ReturnType<typeof createAppRouter> };

export function App(props: Props) {
  const [client] = useState(() => props.client ?? createQueryClient());
  const [router] = useState(() => props.router ?? createAppRouter());
  useEffect(() => connectLive(client), [client]);
  return (
    // The library's variables come from its style sheet and ours, so it need not write <style> elements, which a strict
    // content policy forbids.
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
