import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import outsideNames from './eslint/outside-names.js';

export default tseslint.config(
  { ignores: ['.cache/**', 'dist/**', 'dist-*/**', 'node_modules/**', 'canardstack-data/**'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: ['test', 'it', 'describe', 'suite'] },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ['src/{query,decode,http}/**/*.ts'],
    ignores: ['**/*.test.ts', '**/*.test.support.ts'],
    plugins: { canardstack: { rules: { 'outside-names': outsideNames } } },
    rules: { 'canardstack/outside-names': 'error' },
  },
  {
    // Enums there name bytes and tags, which come as numbers.
    files: ['src/decode/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-enum-comparison': 'off' },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        setTimeout: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
);
