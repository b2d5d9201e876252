// Changes of a source text that keep its lines: what is written instead of a range has the range's line breaks.
class Edits {
  #source;
  #edits = [];
  constructor(source) {
    this.#source = source;
  }
  get none() {
    return this.#edits.length === 0;
  }
  replace(start, end, text) {
    this.#edits.push({ start, end, text, order: this.#edits.length });
  }
  insert(at, text) {
    this.replace(at, at, text);
  }
  blank(start, end) {
    this.replace(start, end, this.#source.slice(start, end).replace(/[^\r\n]/g, " "));
  }
  // Short texts are filled up to the length of what they stand for, so that what follows keeps its column.
  applied() {
    const edits = this.#edits.sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order);
    let text = "", done = 0;
    for (const { start, end, text: written } of edits) {
      const old = this.#source.slice(start, end);
      text += this.#source.slice(done, start) + written;
      if (!/[\r\n]/.test(written)) text += old.replace(/[^\r\n]/g, "").padEnd(old.length - written.length, " ");
      done = end;
    }
    return text + this.#source.slice(done);
  }
}
