// Six inputs, the last of which takes a whole pasted code, and a hidden one; the component says in
// the title what it holds.
import * as Field from '@radix-ui/react-one-time-password-field';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

function Page() {
  const [code, setCode] = useState('');
  document.title = code;
  return (
    <Field.Root value={code} onValueChange={setCode} name="code">
      {Array.from({ length: 6 }, (_, place) => <Field.Input key={place} />)}
      <Field.HiddenInput />
    </Field.Root>
  );
}

createRoot(document.getElementById('root')).render(<Page />);
