// Writes the model of a file changed to another, and prints the most memory that the process ever had.
import { openOnnxFile, writeOnnxFile } from '../../../../lib/formats/onnx';

const [input = '', output = '', externalData = ''] = process.argv.slice(2);

async function main(): Promise<void> {
  const file = openOnnxFile(input);
  file.model.producerName = output;
  await writeOnnxFile(file.model, output, {
    externalData: externalData === 'never' ? 'never' : {},
  });
  file.close();
  console.log(process.resourceUsage().maxRSS * 1024);
}

void main();
