/** A Word document with a macro that runs when it is opened and shows a message box: the parts of ECMA-376 that it takes. */
import { vbaProject } from './vba-project.js';
import { zip } from './zip.js';

const macro = 'Sub AutoOpen()\n  MsgBox "This macro came through the gate."\nEnd Sub';

const packageSpace = 'http://schemas.openxmlformats.org/package/2006';
const officeSpace = 'http://schemas.openxmlformats.org/officeDocument/2006';
const wordSpace = 'http://schemas.openxmlformats.org/wordprocessingml/2006/main';
const declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';

export function macroDocument(): Buffer {
  const types = [
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>',
    '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>',
    '<Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>',
  ];
  const text = '<w:body><w:p><w:r><w:t>A document with a macro.</w:t></w:r></w:p></w:body>';
  const xml = (content: string): Buffer => Buffer.from(declaration + content, 'utf8');
  return zip([
    {
      name: '[Content_Types].xml',
      content: xml(`<Types xmlns="${packageSpace}/content-types">${types.join('')}</Types>`),
    },
    {
      name: '_rels/.rels',
      content: xml(relationship(`${officeSpace}/relationships/officeDocument`, 'word/document.xml')),
    },
    { name: 'word/document.xml', content: xml(`<w:document xmlns:w="${wordSpace}">${text}</w:document>`) },
    {
      name: 'word/_rels/document.xml.rels',
      content: xml(relationship('http://schemas.microsoft.com/office/2006/relationships/vbaProject', 'vbaProject.bin')),
    },
    { name: 'word/vbaProject.bin', content: vbaProject(macro) },
  ]);
}

function relationship(type: string, target: string): string {
  const one = `<Relationship Id="rId1" Type="${type}" Target="${target}"/>`;
  return `<Relationships xmlns="${packageSpace}/relationships">${one}</Relationships>`;
}
