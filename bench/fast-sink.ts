/**
 * A mail server as fast as Node allows, in a process of its own: it answers every command and throws every message
 * away. It prints its port. It checks nothing, so it is no judge; the tests have a strict one.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';

const endOfData = Buffer.from('\r\n.\r\n');
const lineEnd = Buffer.from('\r\n');
const ehloReply =
  '250-sink.example\r\n250-PIPELINING\r\n250-SIZE 209715200\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n';

class SinkConnection {
  readonly #socket: Socket;
  #inData = false;
  /** a line that has not ended yet, or the last octets of data, which may begin the end of data */
  #carry = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.write('220 sink.example ESMTP\r\n');
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
  }

  #receive(chunk: Buffer): void {
    let input = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let replies = '';
    for (;;) {
      const ending = this.#inData ? endOfData : lineEnd;
      const end = input.indexOf(ending);
      if (end === -1) break;
      replies += this.#inData ? this.#finish() : this.#answer(input.toString('latin1', 0, end));
      input = input.subarray(end + ending.length);
    }
    this.#carry = Buffer.from(this.#inData ? input.subarray(-4) : input);
    if (replies !== '') this.#socket.write(replies, 'latin1');
  }

  #finish(): string {
    this.#inData = false;
    return '250 2.0.0 taken\r\n';
  }

  #answer(line: string): string {
    switch (line.slice(0, 4).toUpperCase()) {
      case 'EHLO':
        return ehloReply;
      case 'DATA':
        this.#inData = true;
        return '354 go ahead\r\n';
      case 'QUIT':
        return '221 2.0.0 bye\r\n';
      default:
        return '250 2.0.0 ok\r\n';
    }
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  new SinkConnection(socket);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
