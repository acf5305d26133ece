const bars = [52, 80, 108, 136, 164, 192, 220];
const rails = [34, 62, 90, 118];

/** An arch with a portcullis in it. It rises while the connection is open. */
export function Gate({ open }: { open: boolean }) {
  return (
    <svg class={open ? "gate open" : "gate"} viewBox="0 0 272 160" aria-hidden="true">
      <defs>
        <clipPath id="opening">
          <path d="M36 160V84C36 34 78 12 136 12s100 22 100 72v76Z" />
        </clipPath>
      </defs>
      <path class="beyond" d="M36 160V84C36 34 78 12 136 12s100 22 100 72v76Z" />
      <g clip-path="url(#opening)">
        <path class="road" d="M112 160 131 96h10l19 64Z" />
        <g class="grille">
          {bars.map((x) => (
            <path key={x} d={`M${x - 3} -20h6v162l-3 11-3-11Z`} />
          ))}
          {rails.map((y) => (
            <path key={y} d={`M30 ${y}h212v5H30Z`} />
          ))}
        </g>
      </g>
      <path class="arch" d="M36 160V84C36 34 78 12 136 12s100 22 100 72v76" />
      <path
        class="joints"
        d="M136 12V0M92 19 86 5M180 19l6-14M57 42 44 31M215 42l13-11M38 72 20 68M234 72l18-4M36 104H16M236 104h20M36 134H16M236 134h20"
      />
      <path class="ground" d="M0 159h272" />
    </svg>
  );
}
