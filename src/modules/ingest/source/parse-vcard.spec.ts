import fc from 'fast-check';
import { mapCard } from './map-card.js';
import { normaliseRecord, type ContactValues } from './normalise-record.js';
import { VcardParser, type Vcard } from './parse-vcard.js';
import { paramValues, partsOf, textOf } from './vcard-property.js';

function parse(text: string | Buffer, chunk = Infinity): Vcard[] {
  const octets = (typeof text === 'string' ? Buffer.from(text) : text).toString('latin1');
  const parser = new VcardParser();
  const cards: Vcard[] = [];
  for (let at = 0; at < octets.length; at += chunk) cards.push(...parser.push(octets.slice(at, at + chunk)));
  cards.push(...parser.end());
  return cards;
}

const card = (...lines: string[]) => ['BEGIN:VCARD', ...lines, 'END:VCARD', ''].join('\r\n');
const first = (...lines: string[]) => {
  const property = parse(card(...lines))[0]?.properties[0];
  if (property === undefined) throw new Error('the card has a property');
  return property;
};
const land = (text: string | Buffer, isUid = false): ContactValues[] =>
  parse(text).map((one) => normaliseRecord(mapCard(one, isUid).candidate, { region: 'CH' }).values as ContactValues);

describe('the lines of a card', () => {
  it('are unfolded on octets, so that a fold may cut a character', () => {
    const bytes = Buffer.from(card('FN:Zoë'));
    const cut = bytes.indexOf(0xab);
    const folded = Buffer.concat([bytes.subarray(0, cut), Buffer.from('\r\n '), bytes.subarray(cut)]);
    expect(parse(folded).map((one) => one.properties.map(textOf))).toEqual([['Zoë']]);
  });

  it('go on in quoted-printable while they end in =, indented or not', () => {
    const property = first('NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Gr=C3=BC=', '=C3=9Fe=0D=0Afrom Bern=', '');
    expect(textOf(property)).toBe('Grüße\r\nfrom Bern');
  });

  it('do not swallow the end of the card', () => {
    const [one, two] = parse('BEGIN:VCARD\nNOTE;QUOTED-PRINTABLE:a=\nEND:VCARD\nBEGIN:VCARD\nFN:B\nEND:VCARD\n');
    expect(one?.properties).toHaveLength(1);
    expect(two?.properties.map(textOf)).toEqual(['B']);
  });

  it('go on in base64 until an empty line or a property, without indentation', () => {
    for (const end of ['', 'TEL:1']) {
      const properties = parse(card('PHOTO;ENCODING=BASE64;TYPE=JPEG:AAEC', 'AwQF', end, 'FN:A'))[0]?.properties ?? [];
      expect(properties[0]?.value).toBe('AAECAwQF');
      expect(properties.at(-1)?.name).toBe('FN');
    }
  });

  it('have groups, parameters in any form, and colons in quotes', () => {
    const property = first('item1.tel;WORK;VOICE;TYPE="home,fax";X-A="a:b;c";X-B=^nq^\'^^;ENCODING=8BIT:+1');
    expect(property).toMatchObject({ group: 'item1', name: 'TEL', value: '+1' });
    expect(paramValues(property, 'TYPE')).toEqual(['work', 'voice', 'home', 'fax']);
    expect(property.params.get('X-A')).toEqual(['a:b;c']);
    expect(property.params.get('X-B')).toEqual(['\nq"^']);
  });

  it('without a colon are skipped with a warning', () => {
    const [one] = parse(card('FN:A', 'what is this', 'TEL:1'));
    expect(one?.properties.map(({ name }) => name)).toEqual(['FN', 'TEL']);
    expect(one?.diagnostics).toMatchObject([{ code: 'line-without-colon', row: 1, line: 3, value: 'what is this' }]);
  });
});

describe('the values of a card', () => {
  it('are split before they are unescaped', () => {
    expect(partsOf(first('ORG:Acme\\; Sons\\, Ltd;R\\\\D'))).toEqual(['Acme; Sons, Ltd', 'R\\D']);
    expect(textOf(first('URL:http\\://example.com\\nx'))).toBe('http://example.com\nx');
  });

  it('are read in the charset they name, else UTF-8, else windows-1252', () => {
    const latin = Buffer.from(
      'BEGIN:VCARD\r\nFN:M\u00fcller\r\nN;CHARSET=ISO-8859-1:M\u00fc;\r\nEND:VCARD\r\n',
      'latin1',
    );
    expect(parse(latin)[0]?.properties.map(textOf)).toEqual(['Müller', 'Mü;']);
    expect(textOf(first('FN;CHARSET=SHIFT_JIS;ENCODING=QUOTED-PRINTABLE:=8E=52=93=63'))).toBe('山田');
  });
});

describe('cards', () => {
  it('begin and end in any case, with or without a version, behind a mark', () => {
    expect(parse('\uFEFFbegin:vcard\nfn:A\nend:vcard\nBEGIN:VCARD\rVERSION:3.0\rFN:B\rEND:VCARD')).toHaveLength(2);
  });

  it('without END end at the next BEGIN, with a warning', () => {
    const cards = parse('BEGIN:VCARD\nFN:A\nBEGIN:VCARD\nFN:B\nEND:VCARD\nBEGIN:VCARD\nFN:C\n');
    expect(cards.map((one) => one.properties.map(textOf))).toEqual([['A'], ['B'], ['C']]);
    expect(cards.map((one) => one.diagnostics.map(({ code }) => code))).toEqual([
      ['card-not-ended'],
      [],
      ['card-not-ended'],
    ]);
    expect(cards.map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 3],
      [3, 6],
    ]);
  });

  it('keep nested ones apart', () => {
    for (const begin of ['AGENT:\nBEGIN:VCARD', 'AGENT:BEGIN:VCARD']) {
      const cards = parse(`BEGIN:VCARD\nFN:Boss\n${begin}\nFN:Aide\nTEL:2\nEND:VCARD\nTEL:1\nEND:VCARD\n`);
      expect(cards).toHaveLength(1);
      expect(cards[0]?.properties.map(({ name }) => name)).toEqual(['FN', 'AGENT', 'TEL']);
      expect(cards[0]?.nested[0]?.properties.map(textOf)).toEqual(['Aide', '2']);
    }
  });
});

describe('mapCard', () => {
  it('gives equal contacts for 2.1, 3.0 and 4.0 of one person', () => {
    const v21 = card(
      'VERSION:2.1',
      'N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Zo=C3=AB;Anna;Dr.;',
      'ORG:Acme;Sales',
      'TITLE:Buyer',
      'TEL;CELL;PREF:+41 44 668 18 00',
      'TEL;WORK;VOICE:044 668 18 01',
      'EMAIL;INTERNET:Zoe@Example.org',
      'ADR;WORK:;;Main St 1;Bern;;3000;CH',
      'BDAY:19850412',
      'X-JABBER:zoe@example.org',
      'CATEGORIES:vip,friend',
      'NOTE:one',
    );
    const v30 = card(
      'VERSION:3.0',
      'N:Müller;Zoë;Anna;Dr.;',
      'FN:Dr. Zoë Anna Müller',
      'ORG:Acme;Sales',
      'TITLE:Buyer',
      'TEL;TYPE=WORK,VOICE:044 668 18 01',
      'TEL;TYPE=CELL,PREF:+41 44 668 18 00',
      'item1.EMAIL;TYPE=INTERNET:zoe@example.org',
      'item2.ADR:;;Main St 1;Bern;;3000;CH',
      'item2.X-ABLabel:_$!<Work>!$_',
      'BDAY:1985-04-12',
      'IMPP:xmpp:zoe@example.org',
      'CATEGORIES:vip,friend',
      'NOTE:one',
    );
    const v40 = card(
      'VERSION:4.0',
      'FN:Zoë Müller',
      'N:Müller;Zoë;Anna;Dr.;',
      'ORG:Acme;Sales',
      'TITLE:Buyer',
      'TEL;VALUE=uri;TYPE="voice,work":tel:+41-44-668-18-01',
      'TEL;VALUE=uri;PREF=1;TYPE=cell:tel:+41-44-668-18-00',
      'EMAIL:zoe@example.org',
      'ADR;TYPE=work:;;Main St 1;Bern;;3000;CH',
      'BDAY:19850412',
      'IMPP:xmpp:zoe@example.org',
      'CATEGORIES:vip,friend',
      'KIND:individual',
      'NOTE:one',
    );
    const [expected] = land(v30);
    expect(expected).toEqual({
      first_name: 'Zoë',
      last_name: 'Müller',
      title: 'Buyer',
      channels: [
        { kind: 'email', value: 'zoe@example.org' },
        { kind: 'phone', value: '+41446681800', label: 'mobile' },
        { kind: 'phone', value: '+41446681801', label: 'work' },
        { kind: 'im', value: 'xmpp:zoe@example.org' },
        { kind: 'address', value: 'Main St 1, Bern, 3000, CH', label: 'work' },
      ],
      company: { name: 'Acme' },
      tags: ['vip', 'friend'],
      attributes: {
        department: 'Sales',
        vcard: { 'N.additional': ['Anna'], 'N.prefix': ['Dr.'], BDAY: ['1985-04-12'], NOTE: ['one'] },
      },
    });
    expect(land(v21)).toEqual([expected]);
    expect(land(v40)).toEqual([expected]);
  });

  it('splits FN when N says nothing, and keeps FN when it says more', () => {
    expect(land(card('FN:Lovelace, Ada', 'N:;;;;'))[0]).toMatchObject({ first_name: 'Ada', last_name: 'Lovelace' });
    expect(land(card('FN:Countess Ada', 'N:Lovelace;Ada;;;'))[0]?.attributes).toEqual({
      vcard: { FN: ['Countess Ada'] },
    });
  });

  it('keeps every unknown property, and drops only what is no person', () => {
    const text = card('FN:A', 'X-SHOE-SIZE:38', 'BDAY:--0322', 'NICKNAME:Al', 'UID:u1', 'item9.X-ABLabel:lonely');
    expect(land(text)[0]?.attributes).toEqual({
      vcard: { 'X-SHOE-SIZE': ['38'], BDAY: ['--03-22'], NICKNAME: ['Al'], UID: ['u1'] },
    });
    expect(land(text, true)[0]).toMatchObject({ external_id: 'u1' });
    const [group] = parse(card('X-ADDRESSBOOKSERVER-KIND:group', 'FN:Team'));
    expect(group && mapCard(group).is_group).toBe(true);
  });

  it('drops an inline file above 2 MiB with a warning', () => {
    const photo = Buffer.alloc(2 * 1024 * 1024 + 1).toString('base64');
    const [large] = parse(card('FN:A', `PHOTO;ENCODING=b;TYPE=JPEG:${photo}`));
    expect(large && mapCard(large).candidate.diagnostics).toMatchObject([{ code: 'file-too-large', line: 3 }]);
    const [small] = parse(card('FN:A', 'PHOTO;ENCODING=b:AAEC', 'PHOTO:data:image/png;base64,AAEC'));
    expect(small && mapCard(small).waiting).toEqual(['PHOTO', 'PHOTO']);
  });
});

describe('any card at all', () => {
  it('round trip: what a writer of 3.0 wrote is read exactly, however it is folded and cut', () => {
    const value = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/\r\n?/g, '\n').replaceAll('\0', ''));
    const escape = (text: string) => text.replace(/([\\,;])/g, '\\$1').replaceAll('\n', '\\n');
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { minLength: 1, maxLength: 5 }), { maxLength: 8 }),
        fc.integer({ min: 2, max: 75 }),
        fc.integer({ min: 1, max: 99 }),
        (rows, fold, chunk) => {
          const lines = rows.map((parts, index) => Buffer.from(`X-P${index}:${parts.map(escape).join(';')}`));
          const folded = lines.flatMap((line) => {
            const pieces: Buffer[] = [];
            for (let at = 0; at < line.length; at += fold) pieces.push(line.subarray(at, at + fold));
            return pieces
              .flatMap((piece, index) => (index === 0 ? [piece] : [Buffer.from('\r\n '), piece]))
              .concat(Buffer.from('\r\n'));
          });
          const cards = parse(
            Buffer.concat([Buffer.from('BEGIN:VCARD\r\n'), ...folded, Buffer.from('END:VCARD\r\n')]),
            chunk,
          );
          expect(cards.map((one) => one.properties.map(partsOf))).toEqual([rows]);
        },
      ),
    );
  });

  it('ends without exception, and chunks do not matter', () => {
    const piece = fc.constantFrom(
      'BEGIN:VCARD',
      'END:VCARD',
      'AGENT:',
      'N:a;b',
      'TEL;CELL:1',
      ';ENCODING=QUOTED-PRINTABLE:=',
      '=C3',
      ';BASE64:',
      'PHOTO',
      '"',
      ':',
      ';',
      '\r',
      '\n',
      '\r\n ',
      '\\',
      '.',
      '^',
      ',',
      '\u00ff',
      'é',
      'ADR:;;;',
      'BDAY:',
      'X-ABLabel:',
    );
    const text = fc.oneof(
      fc.array(piece).map((pieces) => Buffer.from(`BEGIN:VCARD\n${pieces.join('')}`)),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 20 }), (bytes, chunk) => {
        const cards = parse(bytes);
        expect(parse(bytes, chunk)).toEqual(cards);
        for (const one of cards) normaliseRecord(mapCard(one, true).candidate);
      }),
      { numRuns: 1000 },
    );
  });

  it('is linear in one line of 10 MiB', () => {
    const started = process.cpuUsage(); // not the clock: other tests run beside this one
    for (const unit of ['"', ';A="', '^']) {
      const line = unit.repeat((10 * 1024 * 1024) / unit.length);
      for (const head of ['NOTE:', 'NOTE;X=']) {
        const [one] = parse(card('FN:A', head + line), 65_536);
        expect(one && normaliseRecord(mapCard(one).candidate).values).toMatchObject({ first_name: 'A' });
      }
    }
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(25_000);
  });
});
