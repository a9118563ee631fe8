import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql'

/**
 * Whether a field's selection contains the fields of `path`, each within the previous one. A field that `@skip` or
 * `@include` omits counts as selected, so this may decide what to load, but not what to return.
 */
export function selects(
  { fieldNodes, fragments }: Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>,
  path: readonly string[],
): boolean {
  let fields = fieldNodes
  for (const name of path) fields = fieldsNamed(name, fields, fragments)
  return fields.length > 0
}

/** The fields with this name in the selections of `parents`. Visits every fragment once. */
function fieldsNamed(
  name: string,
  parents: readonly FieldNode[],
  fragments: GraphQLResolveInfo['fragments'],
): readonly FieldNode[] {
  const found: FieldNode[] = []
  const visited = new Set<SelectionSetNode>()
  const visit = (set: SelectionSetNode | undefined): void => {
    if (!set || visited.has(set)) return
    visited.add(set)
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        if (selection.name.value === name) found.push(selection)
      } else if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet)
      else visit(fragments[selection.name.value]?.selectionSet)
    }
  }
  for (const { selectionSet } of parents) visit(selectionSet)
  return found
}
