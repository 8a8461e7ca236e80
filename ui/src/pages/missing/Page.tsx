import { Link } from "@tanstack/react-router";
import { Empty } from "../../components/States.tsx";

export function MissingPage() {
  return (
    <Empty title="There is no page at this address">
      <Link to="/">Go home</Link>
    </Empty>
  );
}
