import {
  getNullableType,
  GraphQLError,
  type GraphQLInputType,
  isInputObjectType,
  isInputType,
  isListType,
  isScalarType,
  Kind,
  typeFromAST,
  type ValidationRule,
  type ValueNode,
} from 'graphql'
import { badInput, type InputProblem } from '../core/errors.ts'
import { isExact } from '../core/json.ts'

/** Refuses literals that JavaScript or JSON cannot represent exactly; each error names the path of the literal. */
export const literalRule: ValidationRule = (context) => {
  const report = (node: ValueNode, problems: readonly InputProblem[]) => {
    if (problems.length === 0) return
    const error = badInput(problems.slice(0, 10))
    context.reportError(new GraphQLError(error.message, { nodes: node, originalError: error }))
  }
  return {
    Argument({ name, value }) {
      const type = context.getArgument()?.type
      if (type) report(value, problemsIn(value, type, name.value))
      return false
    },
    VariableDefinition({ variable, type: typeNode, defaultValue }) {
      const type = typeFromAST(context.getSchema(), typeNode)
      if (defaultValue && type && isInputType(type)) {
        report(defaultValue, problemsIn(defaultValue, type, `$${variable.name.value}`))
      }
      return false
    },
  }
}

function problemsIn(node: ValueNode, type: GraphQLInputType, path: string): InputProblem[] {
  const inner = getNullableType(type)
  if (isListType(inner)) {
    const item = inner.ofType
    if (node.kind !== Kind.LIST) return problemsIn(node, item, path)
    return node.values.flatMap((value, index) => problemsIn(value, item, `${path}.${index}`))
  }
  if (isInputObjectType(inner)) {
    if (node.kind !== Kind.OBJECT) return []
    const fields = inner.getFields()
    return node.fields.flatMap(({ name, value }) => {
      const field = fields[name.value]
      return field ? problemsIn(value, field.type, `${path}.${name.value}`) : []
    })
  }
  if (!isScalarType(inner)) return []
  if (inner.name === 'JSON') return problemsInJson(node, path)
  const isNumber = node.kind === Kind.INT || node.kind === Kind.FLOAT
  return inner.name === 'ID' && isNumber ? [{ path, message: 'must be a string' }] : []
}

function problemsInJson(node: ValueNode, path: string): InputProblem[] {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return isExact(node.value)
        ? []
        : [{ path, message: `${node.value.slice(0, 40)} cannot be represented exactly; send a string` }]
    case Kind.ENUM:
      return [{ path, message: `${node.value.slice(0, 40)} is not a JSON value; send a string` }]
    case Kind.LIST:
      return node.values.flatMap((value, index) => problemsInJson(value, `${path}.${index}`))
    case Kind.OBJECT:
      return node.fields.flatMap(({ name, value }) =>
        name.value === '__proto__'
          ? [{ path: `${path}.__proto__`, message: 'is not allowed as a field name' }]
          : problemsInJson(value, `${path}.${name.value}`),
      )
    default:
      return []
  }
}
