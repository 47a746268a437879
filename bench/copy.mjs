// COPY … FROM STDIN over a pg.Client: the bytes in one go.
export function from(client, text, bytes) {
  return new Promise((resolve, reject) => {
    client.query({
      text,
      callback: (error) => (error ? reject(error) : resolve()),
      submit(connection) {
        connection.query(text);
        return null;
      },
      handleCopyInResponse(connection) {
        for (let at = 0; at < bytes.length; at += 65536) connection.sendCopyFromChunk(bytes.subarray(at, at + 65536));
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleReadyForQuery() {
        resolve();
      },
      handleError(error) {
        reject(error);
      },
    });
  });
}
