import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { afterAll, describe, expect, it } from 'vitest';

import { certificates, hasOpenssl, tlsOf, type Certificate } from './certificates';
import { call, serve } from './support';

const folder = mkdtempSync(join(tmpdir(), 'onlite-tls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const models = { rows: 'identity_float32.onnx' };

describe.skipIf(!hasOpenssl)('TLS', () => {
  const { authority, issued } = certificates(folder);
  const ca = hasOpenssl ? authority('ca') : undefined;

  /** The status, and the name of the certificate that the server showed. */
  const ask = (port: number, client?: Certificate) =>
    new Promise<{ status: number | undefined; name: unknown }>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/v2/health/ready', agent: false as const };
      const identity = client && { cert: client.cert, key: client.key };
      const sent = request({ ...options, ca: ca?.cert, ...identity }, (response) => {
        const { subject } = (
          response.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }
        ).getPeerCertificate();
        response
          .resume()
          .on('end', () => resolve({ status: response.statusCode, name: subject.CN }));
      });
      sent.on('error', reject);
      sent.end();
    });

  it('is spoken with a certificate, which can be replaced while the server runs', async () => {
    const first = issued('first', 'ca');
    const second = issued('second', 'ca');
    const workers = process.platform === 'linux' ? 2 : 1;
    const { server, port } = await serve(models, { tls: tlsOf(first), workers });
    try {
      expect(await ask(port)).toEqual({ status: 200, name: 'first' });
      await server.setTls(tlsOf(second));
      for (let turn = 0; turn < 8; turn++) {
        expect(await ask(port)).toEqual({ status: 200, name: 'second' });
      }
      // A file that is being written, or was on a full disk: none of them may stand for no certificate, or all.
      for (const part of ['cert', 'key', 'clientCa']) {
        await expect(server.setTls({ ...tlsOf(first), [part]: '' })).rejects.toThrow(
          `tls.${part}: expected PEM, got nothing`,
        );
      }
      await expect(server.setTls({ cert: 'none', key: 'none' })).rejects.toThrow(
        /PEM|no start line/i,
      );
      await expect(server.setTls({ cert: first.cert, key: second.key })).rejects.toThrow(
        /mismatch/i,
      );
      expect(await ask(port)).toEqual({ status: 200, name: 'second' });
      // Not in plain text, and the server lives on.
      await expect(call(port, '/v2/health/ready')).rejects.toThrow();
      expect((await ask(port)).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('takes only the clients that it trusts where it is told which', async () => {
    const strangers = authority('strangers');
    const [own, friend, stranger] = [
      issued('own', 'ca'),
      issued('friend', 'ca'),
      issued('stranger', 'strangers'),
    ];
    const { server, port } = await serve(models, {
      tls: { ...tlsOf(own), clientCa: ca?.cert ?? '' },
    });
    try {
      expect((await ask(port, friend)).status).toBe(200);
      await expect(ask(port)).rejects.toThrow();
      await expect(ask(port, stranger)).rejects.toThrow();
      await server.setTls({ ...tlsOf(own), clientCa: strangers.cert });
      expect((await ask(port, stranger)).status).toBe(200);
      await expect(ask(port, friend)).rejects.toThrow();
    } finally {
      await server.close();
    }
  });

  it('is not waited for where the server is closed', async () => {
    const { server, port } = await serve(models, { tls: tlsOf(issued('waiting', 'ca')) });
    const silent = connectPlain(port, '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    const gone = new Promise((resolve) => silent.resume().once('close', resolve));
    silent.on('error', () => undefined);
    await server.close({ graceMs: 300 });
    await gone;
  });

  it('is waited for only a moment where requests under way have any time', async () => {
    const { server, port } = await serve(models, { tls: tlsOf(issued('patient', 'ca')) });
    const { port: grpcPort } = await server.listenGrpc(0);
    const gone = [port, grpcPort].map((at) => {
      const silent = connectPlain(at, '127.0.0.1').resume();
      silent.on('error', () => undefined);
      const closed = new Promise((resolve) => silent.once('close', resolve));
      return { closed, connected: new Promise((resolve) => silent.once('connect', resolve)) };
    });
    await Promise.all(gone.map(({ connected }) => connected));
    // The handshakes themselves are given up after ten seconds.
    const late = new Promise((resolve) => setTimeout(resolve, 9000, 'late').unref());
    expect(await Promise.race([server.close().then(() => 'closed'), late])).toBe('closed');
    await Promise.all(gone.map(({ closed }) => closed));
  });

  it('is not spoken in versions that are broken', async () => {
    const { server, port } = await serve(models, { tls: tlsOf(issued('modern', 'ca')) });
    try {
      const socket = connect({
        port,
        host: '127.0.0.1',
        maxVersion: 'TLSv1.1',
        minVersion: 'TLSv1',
        ca: ca?.cert,
      });
      await expect(
        new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject)),
      ).rejects.toThrow();
    } finally {
      await server.close();
    }
  });
});
