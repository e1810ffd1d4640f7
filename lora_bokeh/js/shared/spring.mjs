// Springs on animation frames: critically damped, integrated exactly by elapsed time.

const FREQUENCY = { smooth: 13, snap: 24 }; // rad/s
const REST = 1e-3; // of a rank: where the eye sees no motion

/** One exact step of x'' = −2ωx' − ω²(x − target), whatever the length of the frame. */
export function stepSpring({ x, v }, target, omega, dt) {
  const offset = x - target;
  const pull = v + omega * offset;
  const decay = Math.exp(-omega * dt);
  return { x: target + (offset + pull * dt) * decay, v: (v - omega * pull * dt) * decay };
}

export function motionReduced() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** A value that springs to its target and calls draw(x) on each frame until it rests. */
export class Spring {
  constructor(x, draw) {
    this.state = { x, v: 0 };
    this.draw = draw;
    this.frame = null;
  }

  to(target, transition) {
    this.target = target;
    this.omega = motionReduced() ? null : (FREQUENCY[transition] ?? null);
    if (this.omega === null || this.state.x === target) this.jump(target);
    else if (this.frame === null) {
      this.last = performance.now();
      this.frame = requestAnimationFrame((time) => this.tick(time));
    }
  }

  jump(target) {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
    this.state = { x: target, v: 0 };
    this.draw(target);
  }

  tick(time) {
    const dt = Math.min(Math.max(time - this.last, 0), 100) / 1000;
    this.last = time;
    this.state = stepSpring(this.state, this.target, this.omega, dt);
    const still = Math.abs(this.state.x - this.target) < REST && Math.abs(this.state.v) < 10 * REST;
    if (still) return this.jump(this.target);
    this.frame = requestAnimationFrame((next) => this.tick(next));
    this.draw(this.state.x);
  }
}
