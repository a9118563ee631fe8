import type { CodegenConfig } from '@graphql-codegen/cli'

const typed = {
  scalars: { ID: 'string', DateTime: 'string', JSON: 'Record<string, unknown>' },
  strictScalars: true,
  enumType: 'string-literal',
  useTypeImports: true,
}

/** The committed schema and what client programs ask of it → documents whose results and variables are typed. */
const config: CodegenConfig = {
  // An image is built without tests.
  ignoreNoDocuments: true,
  schema: 'src/graphql/schema.graphql',
  importExtension: '.ts',
  generates: {
    'src/sdk/generated/': {
      preset: 'client',
      documents: 'src/sdk/operations.graphql',
      presetConfig: {
        fragmentMasking: false,
        skipIndexFile: true,
        persistedDocuments: { mode: 'embedHashInDocument', hashAlgorithm: 'sha256' },
      },
      // The SDK sends text: the library that would parse and print it stays out of it.
      config: { ...typed, documentMode: 'string' },
    },
    'test/clients/generated/': {
      preset: 'client',
      documents: 'test/clients/*.graphql',
      // Clients of the gateway read what they selected, wherever a fragment selected it.
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: typed,
    },
  },
}

export default config
