import type { FastifyInstance } from 'fastify';

/** An error in place of the text; `allow` is what the header of that name is to tell. */
type Refused = (route: { readonly method: string; readonly url: string; readonly allow: string }) => Error;

const all = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * For a plugin to call before its routes: it calls what is given back once all are there, and other methods than those of a path
 * are refused with 405, as routers of Go do it. HEAD goes with GET.
 */
export function otherMethods(app: FastifyInstance): { readonly refuse: (refused?: Refused) => void } {
  const taken = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = taken.get(url) ?? new Set();
    taken.set(url, methods);
    for (const one of [method].flat()) if (one !== 'HEAD') methods.add(one);
  });
  return {
    refuse(refused) {
      for (const [url, methods] of [...taken]) {
        const allow = [...methods].sort().join(', ');
        app.route({
          method: all.filter((one) => !methods.has(one)),
          url,
          // Before a body is read: it may be of any type.
          onRequest: async ({ method }, reply) => {
            if (refused) throw refused({ method, url, allow });
            return reply
              .code(405)
              .header('allow', allow)
              .type('text/plain; charset=utf-8')
              .send('Method Not Allowed\n');
          },
          handler: () => undefined,
        });
      }
    },
  };
}
