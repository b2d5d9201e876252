// A small operating system in the manner of Richards: tasks of several kinds pass packets to each other under a
// scheduler with priorities. Method calls, small objects, lists. Its counts prove that all of it ran.
class Packet {
  constructor(next, owner, kind) { this.next = next; this.owner = owner; this.kind = kind; this.slot = 0; this.data = [0, 0, 0, 0]; }
  behind(queue) {
    this.next = null;
    if (queue === null) return this;
    let last = queue;
    while (last.next !== null) last = last.next;
    last.next = this;
    return queue;
  }
}
class Task {
  constructor(system, next, id, priority, queue) {
    Object.assign(this, { system, next, id, priority, queue, waiting: false, held: false, ready: queue !== null });
    system.table[id] = this;
  }
  get stopped() { return this.held || (this.waiting && this.queue === null) || (!this.ready && this.queue === null); }
  step() {
    let packet = null;
    if (this.queue !== null && (this.waiting || this.ready)) { packet = this.queue; this.queue = packet.next; this.waiting = false; this.ready = true; }
    return this.work(packet);
  }
  take(packet) {
    this.queue = packet.behind(this.queue);
    return !this.held && this.priority > this.system.current.priority ? this : this.system.current;
  }
}
class Idle extends Task {
  constructor(system, next, id, priority, count) { super(system, next, id, priority, null); this.seed = 1; this.count = count; this.ready = true; }
  work() {
    if (--this.count === 0) return this.system.hold();
    const low = (this.seed & 1) === 0;
    this.seed = low ? this.seed >> 1 : (this.seed >> 1) ^ 0xd008;
    return this.system.release(low ? DEVICE_A : DEVICE_B);
  }
}
class Worker extends Task {
  constructor(system, next, id, priority, queue) { super(system, next, id, priority, queue); this.target = HANDLER_A; this.letter = 0; }
  work(packet) {
    if (packet === null) return this.system.wait();
    this.target = this.target === HANDLER_A ? HANDLER_B : HANDLER_A;
    packet.owner = this.target;
    packet.slot = 0;
    for (let at = 0; at < 4; at++) { this.letter = this.letter === 26 ? 1 : this.letter + 1; packet.data[at] = this.letter; }
    return this.system.send(packet);
  }
}
class Handler extends Task {
  constructor(system, next, id, priority, queue) { super(system, next, id, priority, queue); this.jobs = null; this.devices = null; }
  work(packet) {
    if (packet !== null) {
      if (packet.kind === JOB) this.jobs = packet.behind(this.jobs);
      else this.devices = packet.behind(this.devices);
    }
    if (this.jobs !== null) {
      const job = this.jobs, at = job.slot;
      if (at >= 4) { this.jobs = job.next; return this.system.send(job); }
      if (this.devices !== null) {
        const device = this.devices;
        this.devices = device.next;
        device.slot = job.data[at];
        job.slot = at + 1;
        return this.system.send(device);
      }
    }
    return this.system.wait();
  }
}
class Device extends Task {
  constructor(system, next, id, priority) { super(system, next, id, priority, null); this.kept = null; this.waiting = true; }
  work(packet) {
    if (packet !== null) { this.kept = packet; return this.system.hold(); }
    if (this.kept === null) return this.system.wait();
    const kept = this.kept;
    this.kept = null;
    return this.system.send(kept);
  }
}
class System {
  constructor() { this.table = new Array(6).fill(null); this.first = null; this.current = null; this.sent = 0; this.holds = 0; }
  run() {
    this.current = this.first;
    while (this.current !== null) this.current = this.current.stopped ? this.current.next : this.current.step();
  }
  release(id) {
    const task = this.table[id];
    task.held = false;
    return task.priority > this.current.priority ? task : this.current;
  }
  hold() { this.holds++; this.current.held = true; return this.current.next; }
  wait() { this.current.waiting = true; return this.current; }
  send(packet) {
    const task = this.table[packet.owner];
    this.sent++;
    packet.next = null;
    packet.owner = this.current.id;
    return task.take(packet);
  }
}
const [IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B] = [0, 1, 2, 3, 4, 5], [MESSAGE, JOB] = [0, 1];
function simulate(count) {
  const system = new System(), packets = (owner, kind, number) => {
    let queue = null;
    for (let at = 0; at < number; at++) queue = new Packet(queue, owner, kind);
    return queue;
  };
  let first = new Idle(system, null, IDLE, 0, count);
  first = new Worker(system, first, WORKER, 1000, packets(WORKER, JOB, 2));
  first = new Handler(system, first, HANDLER_A, 2000, packets(DEVICE_A, MESSAGE, 3));
  first = new Handler(system, first, HANDLER_B, 3000, packets(DEVICE_B, MESSAGE, 3));
  first = new Device(system, first, DEVICE_A, 4000);
  first = new Device(system, first, DEVICE_B, 5000);
  system.first = first;
  system.run();
  return [system.sent, system.holds];
}
let told;
for (let round = 0; round < 20; round++) told = simulate(1500);
told
