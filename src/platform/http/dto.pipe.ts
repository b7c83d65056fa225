import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { UnsupportedMediaType } from '../errors/contract-problems.js';
import { fieldsOf } from './fields.js';
import { readDto } from './read-dto.js';

/** Checks every body against the fields of the class that the handler names. */
@Injectable()
export class DtoPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (type !== 'body' || metatype === undefined || fieldsOf(metatype).size === 0) return value;
    if (Buffer.isBuffer(value)) throw new UnsupportedMediaType('application/json');
    return readDto(metatype as new () => object, value === undefined ? {} : value);
  }
}
