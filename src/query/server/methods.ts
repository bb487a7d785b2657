import type { FastifyInstance } from 'fastify';

/** Other methods than those of a path are refused with 405, as routers of Go do it. HEAD goes with GET. */
export function refuseOtherMethods(app: FastifyInstance, url: string, taken: readonly string[]): void {
  const method = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((one) => !taken.includes(one));
  const allow = [...taken].sort().join(', ');
  app.route({
    method,
    url,
    handler: (_request, reply) =>
      reply.code(405).header('allow', allow).type('text/plain; charset=utf-8').send('Method Not Allowed\n'),
  });
}
