/**
 * Tells whether a database transaction is open where the code now runs. The database room provides it; an abstract class,
 * so that it serves Nest as a token.
 */
export abstract class TransactionProbe {
  abstract isOpen(): boolean;
}
