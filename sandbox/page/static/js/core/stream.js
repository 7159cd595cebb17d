/** The person's live events over a WebSocket that comes back on its own. */

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;

export class EventStream {
  #socket = null;
  #pause = FIRST_PAUSE_MS;
  #closed = false;
  #timer = 0;

  constructor(url, onEvent, onState) {
    this.url = url;
    this.onEvent = onEvent;
    this.onState = onState;
    this.#open();
  }

  #open() {
    const socket = (this.#socket = new WebSocket(this.url));
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE_MS;
      this.onState("open");
    };
    socket.onmessage = (message) => {
      const frame = JSON.parse(message.data);
      this.onEvent(frame.t, frame.d);
    };
    socket.onclose = () => {
      if (this.#closed) return;
      this.onState("closed");
      this.#timer = setTimeout(() => this.#open(), this.#pause);
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
    };
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }
}
