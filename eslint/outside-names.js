import ts from 'typescript';

/**
 * Names from outside (labels, attributes, metrics, parameters) may be `constructor` or `__proto__`. A plain object
 * finds what every object inherits under them, or loses them; a Map does not. So no object with a string index may be
 * read, written or asked by a name that is computed.
 */
export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: { map: 'a computed name may come from outside: make this object a Map' },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    const checker = services.program.getTypeChecker();
    const anyText = (type) => (type.flags & ts.TypeFlags.String) !== 0;
    const indexed = (type) => checker.getIndexInfosOfType(type).some(({ keyType }) => anyText(keyType));
    const parts = (type) => (type.isUnion() ? type.types : [type]);
    const report = (node, object) => {
      const type = checker.getNonNullableType(services.getTypeAtLocation(object));
      if (parts(type).some(indexed)) context.report({ node, messageId: 'map' });
    };
    return {
      MemberExpression(node) {
        if (!node.computed || node.property.type === 'Literal') return;
        // A key of a few known words is safe.
        if (parts(services.getTypeAtLocation(node.property)).some(anyText)) report(node, node.object);
      },
      "BinaryExpression[operator='in']"(node) {
        if (node.left.type !== 'Literal') report(node, node.right);
      },
    };
  },
};
