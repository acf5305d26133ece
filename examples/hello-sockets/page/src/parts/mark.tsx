/** The small portcullis beside the name. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M8 5v20l-2 3m2-3 2 3M16 5v20l-2 3m2-3 2 3M24 5v20l-2 3m2-3 2 3M4 11h24M4 19h24" />
    </svg>
  );
}
