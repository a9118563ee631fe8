import SchemaBuilder, {
  BasePlugin,
  type FieldNullability,
  type InputFieldMap,
  type PothosOutputFieldConfig,
  type SchemaTypes,
  type TypeParam,
} from '@pothos/core'
import type { GraphQLFieldResolver } from 'graphql'
import type { Access } from '../rooms/policy.ts'

/**
 * Requires every root field to declare its `access`; a field without it does not compile. The declaration becomes an
 * extension of the field. A test compares it with the responses over GraphQL and REST.
 */
export const ACCESS_PLUGIN = 'access'

declare global {
  // Pothos reads the options of fields from here: https://pothos-graphql.dev/docs/guide/writing-plugins
  // oxlint-disable-next-line typescript/no-namespace
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      access: AccessPlugin<Types>
    }
    interface QueryFieldOptions<
      Types extends SchemaTypes,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveReturnShape,
    > {
      access: Access
    }
    interface MutationFieldOptions<
      Types extends SchemaTypes,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveReturnShape,
    > {
      access: Access
    }
    interface SubscriptionFieldOptions<
      Types extends SchemaTypes,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveShape,
      ResolveReturnShape,
    > {
      access: Access
    }
  }
}

declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    /** Who may select this root field. */
    readonly access?: Access
  }
}

class AccessPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(field: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    if (!('access' in field.pothosOptions)) return field
    return { ...field, extensions: { ...field.extensions, access: field.pothosOptions.access } }
  }

  /** A root field of a query or mutation returns again what it returned in an earlier execution of the same request. */
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (field.parentType !== 'Query' && field.parentType !== 'Mutation') return resolve
    return (root, args, context, info) => {
      const { outcomes } = context as { outcomes?: ReadonlyMap<string, unknown> }
      return outcomes?.has(String(info.path.key))
        ? outcomes.get(String(info.path.key))
        : resolve(root, args, context, info)
    }
  }
}

SchemaBuilder.registerPlugin(ACCESS_PLUGIN, AccessPlugin)
