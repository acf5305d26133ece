/** The small portcullis beside the name. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M7 3h3v21l-1.5 4L7 24ZM14.5 3h3v21L16 28l-1.5-4ZM22 3h3v21l-1.5 4-1.5-4ZM3 8h26v3H3ZM3 16h26v3H3Z" />
    </svg>
  );
}
