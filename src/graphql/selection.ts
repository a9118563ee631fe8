import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql'

/**
 * The names of the fields that a field selects at `path`, each step of which is a field within the previous one. A field that
 * `@skip` or `@include` omits counts as selected, so this may decide what to load, but not what to return.
 */
export function selectedNames(
  { fieldNodes, fragments }: Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>,
  path: readonly string[],
): ReadonlySet<string> {
  let fields = fieldNodes
  for (const name of path) fields = fieldsNamed(name, fields, fragments)
  return new Set(fieldsWithin(fields, fragments).map(({ name }) => name.value))
}

/** The fields with this name in the selections of `parents`. */
const fieldsNamed = (
  name: string,
  parents: readonly FieldNode[],
  fragments: GraphQLResolveInfo['fragments'],
): readonly FieldNode[] => fieldsWithin(parents, fragments).filter((field) => field.name.value === name)

/** The fields in the selections of `parents`. Visits every fragment once. */
function fieldsWithin(parents: readonly FieldNode[], fragments: GraphQLResolveInfo['fragments']): readonly FieldNode[] {
  const found: FieldNode[] = []
  const visited = new Set<SelectionSetNode>()
  const visit = (set: SelectionSetNode | undefined): void => {
    if (!set || visited.has(set)) return
    visited.add(set)
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        found.push(selection)
      } else if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet)
      else visit(fragments[selection.name.value]?.selectionSet)
    }
  }
  for (const { selectionSet } of parents) visit(selectionSet)
  return found
}
