import type { CodegenConfig } from '@graphql-codegen/cli'

/** The committed schema and what client programs ask of it → documents whose results and variables are typed. */
const config: CodegenConfig = {
  schema: 'src/graphql/schema.graphql',
  documents: 'test/clients/*.graphql',
  importExtension: '.ts',
  generates: {
    'test/clients/generated/': {
      preset: 'client',
      // Clients of the gateway read what they selected, wherever a fragment selected it.
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: {
        scalars: { ID: 'string', DateTime: 'string', JSON: 'Record<string, unknown>' },
        strictScalars: true,
        enumType: 'string-literal',
        useTypeImports: true,
      },
    },
  },
}

export default config
