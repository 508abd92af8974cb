import { type RefObject, useEffect, useImperativeHandle, useRef } from "react";

interface TextFieldProps {
  readonly text: string;
  readonly placeholder: string;
  readonly field: RefObject<HTMLInputElement | null>;
  readonly onText: (text: string) => void;
}

/** The text filter. It keeps by itself what is typed: the URL follows a moment later and must not move the caret. */
export function TextField({ text, placeholder, field, onText }: TextFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  useImperativeHandle<HTMLInputElement | null, HTMLInputElement | null>(field, () => input.current);
  useEffect(() => {
    if (input.current !== null && input.current !== document.activeElement) input.current.value = text;
  }, [text]);
  return (
    <div className="text-filter">
      <input
        ref={input}
        type="search"
        aria-label="Filter by text"
        aria-keyshortcuts="/"
        placeholder={placeholder}
        autoComplete="off"
        spellCheck={false}
        defaultValue={text}
        onChange={(event) => onText(event.target.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}
