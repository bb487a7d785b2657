export type Signal = 'logs' | 'traces' | 'metrics';
export const signals: readonly Signal[] = ['logs', 'traces', 'metrics'];
