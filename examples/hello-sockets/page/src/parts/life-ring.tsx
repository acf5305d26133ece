interface LifeRingProps {
  /** What is left of the life, 0 to 1; null where there is none. */
  readonly share: number | null;
  readonly seconds: number;
}

/** A life running out. The words beside it say the same. */
export function LifeRing({ share, seconds }: LifeRingProps) {
  return (
    <svg class={share === 0 ? "life-ring over" : "life-ring"} viewBox="0 0 100 100" aria-hidden="true">
      <circle class="track" cx="50" cy="50" r="44" />
      {share !== null && share > 0 && (
        <circle
          class="left"
          cx="50"
          cy="50"
          r="44"
          pathLength="100"
          stroke-dasharray={`${share * 100} 100`}
          transform="rotate(-90 50 50)"
        />
      )}
      <text x="50" y="51">
        {share === null ? "–" : seconds}
      </text>
    </svg>
  );
}
