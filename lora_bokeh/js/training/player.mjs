import { motionReduced } from "../shared/spring.mjs";

const SECONDS = 4; // for a whole run
const FRAME = 1000; // ms: a frame that comes later than this was not watched

/** A playhead that moves over steps on animation frames, no further than they are known. */
export class Player {
  /** `limits()` tells how far it may go now and where it ends; `onMove(step)` is told where it is. */
  constructor(limits, onMove) {
    this.limits = limits;
    this.onMove = onMove;
    this.at = 0;
    this.frame = null;
  }

  get playing() {
    return this.frame !== null;
  }

  play() {
    if (this.at >= this.limits().end) this.at = 0;
    this.last = performance.now();
    this.frame ??= requestAnimationFrame((time) => this.tick(time));
  }

  pause() {
    if (this.frame !== null) cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  to(step) {
    this.at = step;
    this.onMove(step);
  }

  tick(time) {
    const dt = Math.min(Math.max(time - this.last, 0), FRAME) / 1000;
    this.last = time;
    const { known, end } = this.limits();
    const next = motionReduced() ? known : this.at + (dt * end) / SECONDS;
    const at = Math.min(next, known, end);
    this.frame = at >= end ? null : requestAnimationFrame((later) => this.tick(later));
    if (at !== this.at || !this.playing) this.to(at);
  }
}
