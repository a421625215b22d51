/** Gives an object a property of its own, whatever its name is: `__proto__` is one that models may use. */
export function setOwn<Value>(target: Record<string, Value>, name: string, value: Value): void {
  if (name !== '__proto__') target[name] = value;
  else {
    Object.defineProperty(target, name, {
      ...{ value, enumerable: true, writable: true, configurable: true },
    });
  }
}
