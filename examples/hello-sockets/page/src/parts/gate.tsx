const opening = "M96 160V96a96 96 0 0 1 192 0v64Z";
const bars = [108, 136, 164, 192, 220, 248, 276];
const rails = [28, 56, 84, 112];
/** Courses of the wall on either side, and the joints between the stones of the arch (degrees from the ground). */
const courses = [4, 30, 56, 82, 108, 134];
const joints = [0, 18, 36, 54, 72, 90, 108, 126, 144, 162, 180];

/** An arch with a portcullis in it. It rises while the connection is open. */
export function Gate({ open }: { open: boolean }) {
  return (
    <svg class={open ? "gate open" : "gate"} viewBox="0 -28 384 188" aria-hidden="true">
      <defs>
        <clipPath id="opening">
          <path d={opening} />
        </clipPath>
        <linearGradient id="dawn" x2="0" y2="1">
          <stop class="dawn-high" offset="0.25" />
          <stop class="dawn-low" offset="1" />
        </linearGradient>
      </defs>
      {courses.map((y, row) => (
        <path key={y} class="course" d={`M0 ${y}H384M${row % 2 ? 22 : 50} ${y}v26M${row % 2 ? 362 : 334} ${y}v26`} />
      ))}
      <path class="arch" d="M72 160V96a120 120 0 0 1 240 0v64Z" />
      {joints.map((degrees) => (
        <path key={degrees} class="joint" d="M288 96h24" transform={`rotate(${-degrees} 192 96)`} />
      ))}
      <path class="joint" d="M72 128h24M288 128h24" />
      <path class="beyond" d={opening} />
      <path class="dawn" d={opening} fill="url(#dawn)" />
      <g clip-path="url(#opening)">
        <g class="grille">
          {bars.map((x) => (
            <path key={x} d={`M${x - 3} -30h6v172l-3 12-3-12Z`} />
          ))}
          {rails.map((y) => (
            <path key={y} d={`M90 ${y}h204v5H90Z`} />
          ))}
        </g>
      </g>
      <path class="ground" d="M0 159h384" />
    </svg>
  );
}
