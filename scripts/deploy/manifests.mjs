export async function manifests() { return 'later'; }
